"""The bench holds what it promises; the tests upon it need not wonder."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openstack.connection
import pytest
import requests
import sqlalchemy
from keystoneauth1 import session
from keystoneauth1.exceptions import Unauthorized
from keystoneauth1.identity import v3
from oslo_utils.imageutils import format_inspector

from tests.support.clients import (
    Access,
    Api,
    OpenStack,
    glance_client,
    image_adapter,
    sdk_connection,
)
from tests.support.images import KINDS, SIZE, Images
from tests.support.processes import NotReady, Program, answers, free_port, wait_until
from tests.support.server import Server
from tests.support.services import ENGINES, HOMES, Keystone

STAND_IN: tuple[str | Path, ...] = (sys.executable, Path(__file__).parent / "services/stand_in.py")


def _alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "XZ"
    return False


class TestKeystone:
    def test_keystoneauth_gets_a_token_that_keystone_validates(self, keystone: Keystone) -> None:
        auth = v3.Password(
            auth_url=keystone.url,
            username="demo",
            password=keystone.password,
            project_name="demo",
            user_domain_id="default",
            project_domain_id="default",
        )
        token = session.Session(auth=auth, timeout=30).get_token()
        assert token is not None
        found = keystone.validate(token)
        assert found is not None
        assert found["project"]["name"] == "demo"

    @pytest.mark.parametrize("user", HOMES)
    def test_everybody_gets_a_token_at_home(self, keystone: Keystone, user: str) -> None:
        found = keystone.validate(keystone.token(user))
        assert found is not None
        assert found["project"]["name"] == HOMES[user]

    def test_roles_are_as_told(self, keystone: Keystone) -> None:
        def roles(user: str) -> set[str]:
            found = keystone.validate(keystone.token(user))
            assert found is not None
            return {role["name"] for role in found["roles"]}

        assert roles("demo") == {"member", "reader"}
        assert roles("demo_reader") == {"reader"}
        assert roles("nova") == {"service"}
        assert "admin" in roles("admin")
        assert {"admin", "service"} <= roles("glance")

    def test_a_revoked_token_is_invalid_and_others_stay(self, keystone: Keystone) -> None:
        token, other = keystone.token("alt", fresh=True), keystone.token("alt", fresh=True)
        assert keystone.validate(token) is not None
        keystone.revoke(token)
        assert keystone.validate(token) is None
        assert keystone.validate(other) is not None

    def test_an_expired_token_is_invalid_unless_expired_ones_are_allowed(
        self, keystone: Keystone
    ) -> None:
        token = keystone.expired_token("demo")
        assert keystone.validate(token) is None
        assert keystone.validate(token, allow_expired=True) is not None

    def test_an_application_credential_stands_for_its_user(self, keystone: Keystone) -> None:
        credential = keystone.application_credential("demo", roles=["reader"])
        found = keystone.validate(keystone.application_token(credential))
        assert found is not None
        assert found["user"]["name"] == "demo"
        assert [role["name"] for role in found["roles"]] == ["reader"]
        assert credential.secret not in repr(credential)

    def test_a_new_user_of_a_new_project_gets_a_token(self, keystone: Keystone) -> None:
        project = keystone.make_project()
        user = keystone.make_user(project, ["reader"])
        assert keystone.validate(keystone.token(user, project=project)) is not None

    def test_a_token_may_be_for_the_whole_system(self, keystone: Keystone) -> None:
        found = keystone.validate(keystone.token("admin", system=True))
        assert found is not None
        assert found["system"] == {"all": True}

    def test_one_of_ones_own_survives_kill_and_start_and_stays_apart(
        self, own_keystone: Keystone
    ) -> None:
        token = own_keystone.token("demo")
        own_keystone.point_images_at("http://127.0.0.1:9999")
        own_keystone.set_default_limit("image_count_total", 10)
        own_keystone.set_limit("demo", "image_count_total", 3)
        own_keystone.kill()
        assert not answers(own_keystone.url)
        own_keystone.start()
        assert own_keystone.validate(token) is not None
        auth = v3.Password(
            auth_url=own_keystone.url,
            username="demo",
            password=own_keystone.password,
            project_name="demo",
            user_domain_id="default",
            project_domain_id="default",
        )
        caller = session.Session(auth=auth, timeout=30)
        assert caller.get_endpoint(service_type="image") == "http://127.0.0.1:9999"
        assert caller.get_endpoint(service_type="identity") == own_keystone.url

    def test_a_wrong_password_is_refused(self, keystone: Keystone) -> None:
        auth = v3.Password(
            auth_url=keystone.url,
            username="demo",
            password="wrong",
            project_name="demo",
            user_domain_id="default",
            project_domain_id="default",
        )
        with pytest.raises(Unauthorized):
            session.Session(auth=auth, timeout=30).get_token()


class TestDatabases:
    def test_a_new_database_is_empty_and_takes_any_character(self, database_url: str) -> None:
        engine = sqlalchemy.create_engine(database_url)
        table = sqlalchemy.Table(
            "words", sqlalchemy.MetaData(), sqlalchemy.Column("word", sqlalchemy.String(30))
        )
        try:
            assert sqlalchemy.inspect(engine).get_table_names() == []
            with engine.begin() as connection:
                table.create(connection)
                connection.execute(table.insert(), {"word": "größer \N{GRINNING FACE}"})
                found = connection.execute(sqlalchemy.select(table.c.word)).scalar_one()
            assert found == "größer \N{GRINNING FACE}"
        finally:
            engine.dispose()

    @pytest.mark.parametrize("engine", ENGINES)
    def test_two_databases_of_one_test_are_two(
        self, new_database: Callable[[str], str], engine: str
    ) -> None:
        assert new_database(engine) != new_database(engine)


class TestServer:
    def test_it_starts_with_its_configuration_and_is_gone_when_left(self, tmp_path: Path) -> None:
        config: dict[str, dict[str, object]] = {"DEFAULT": {"one": "a$b"}, "file1": {"two": 2}}
        server = Server(config, directory=tmp_path, program=STAND_IN)
        with server:
            shown = requests.get(f"{server.url}/", timeout=10).json()
            assert shown["config"]["file1"]["two"] == "2"
            assert shown["config"]["file1"]["one"] == "a$$b"  # oslo.config makes it one again.
            assert shown["config"]["vitrine"]["data_dir"] == str(tmp_path / "data")
            assert shown["identity"] == "local"
            pid = server.pid
        assert not server.answering
        assert not _alive(pid)

    def test_kill_takes_the_workers_too_and_start_continues_on_the_same_port(
        self, make_server: Callable[..., Server]
    ) -> None:
        server = make_server(program=STAND_IN, workers=2)
        server.start()
        url, pids = server.url, server.pids()
        wait_until(lambda: len(server.pids()) == 3, what="two workers")
        assert pids[0] == server.pid
        assert server.rss() > 0
        assert 0 < server.pss() <= server.rss() + server.rss()
        pids = server.pids()
        assert server.kill() == -signal.SIGKILL
        assert not any(_alive(pid) for pid in pids)
        server.start()
        assert server.url == url
        assert server.answering

    def test_restart_reads_the_configuration_again(
        self, make_server: Callable[..., Server]
    ) -> None:
        server = make_server(program=STAND_IN)
        server.start()
        first = server.pid
        server.config["more"] = {"word": "x"}
        server.restart()
        assert server.pid != first
        assert requests.get(server.url, timeout=10).json()["config"]["more"]["word"] == "x"

    def test_one_that_cannot_start_says_why(self, make_server: Callable[..., Server]) -> None:
        server = make_server({"stand_in": {"fail": "no room"}}, program=STAND_IN)
        with pytest.raises(NotReady, match=r"status 1(.|\n)*cannot start: no room"):
            server.start()
        assert "cannot start: no room" in server.log()

    def test_a_program_ends_when_its_owner_is_killed(self, tmp_path: Path) -> None:
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as owner:
            log = tmp_path / "log"
            port = free_port()
            command: list[str | Path] = [
                *STAND_IN,
                "--config-file",
                "/dev/null",
                "--bind",
                f"127.0.0.1:{port}",
            ]
            program = Program(command, log_file=log, owner=owner.pid)
            program.start()
            program.wait_for(lambda: answers(f"http://127.0.0.1:{port}/"))
            owner.kill()
            wait_until(lambda: not program.alive, what="the program to end")
        program.kill()

    def test_one_that_is_gone_does_not_take_along_whoever_has_its_number_now(
        self, tmp_path: Path
    ) -> None:
        gone, another = (
            Program(["sleep", "60"], log_file=tmp_path / f"{name}.log") for name in ("a", "b")
        )
        gone.start()
        gone.kill()
        another.start()
        assert gone.process is not None
        gone.process.pid = another.pid
        for end in (gone.stop, gone.kill):
            end()
            assert another.alive
        another.stop()
        gone.start()
        assert gone.alive
        gone.stop()
        assert not gone.alive

    def test_the_environment_of_openstack_does_not_reach_it(
        self, make_server: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OS_DATABASE__CONNECTION", "sqlite:////elsewhere")
        server = make_server(program=STAND_IN, env={"OS_DEBUG": "1"})
        server.start()
        environment = Path(f"/proc/{server.pid}/environ").read_bytes().split(b"\0")
        assert b"OS_DEBUG=1" in environment
        assert not any(word.startswith(b"OS_DATABASE") for word in environment)

    def test_a_client_speaks_for_whom_it_is_told(
        self,
        make_server: Callable[..., Server],
        make_api: Callable[[Server | str, str | None], Api],
    ) -> None:
        server = make_server(program=STAND_IN)
        server.start()
        api = make_api(server, "demo")
        assert api.get("/v2/images").json()["token"] == "demo"
        assert api.as_("admin").get("/v2/images").json()["token"] == "admin"
        assert api.as_(None).get("/v2/images").json()["token"] is None


class TestClients:
    def test_each_client_calls_where_and_as_whom_it_is_told(
        self,
        make_server: Callable[..., Server],
        access: Callable[..., Access],
        glanceclient: Callable[..., Any],
        sdk: Callable[..., openstack.connection.Connection],
    ) -> None:
        server = make_server(program=STAND_IN)
        server.start()
        caller = access(server, user="alt")
        assert caller.plugin().get_token(session.Session()) == "alt"
        image = glanceclient(server, user="alt").http_client
        _, body = image.get("/v2/images")
        assert body["token"] == "alt"
        found = sdk(server, user="alt").image.get("/images")
        assert found.json()["token"] == "alt"

    @pytest.mark.parametrize("catalog", [False, True])
    def test_with_keystone_each_client_brings_a_token_of_its_user(
        self,
        make_server: Callable[..., Server],
        own_keystone: Keystone,
        access: Callable[..., Access],
        catalog: bool,  # noqa: FBT001 (a parameter of the test, not of an interface)
    ) -> None:
        server = make_server(program=STAND_IN)
        server.start()
        if catalog:
            own_keystone.point_images_at(server.url)
        caller = access(server, mode="keystone", keystone=own_keystone, catalog=catalog)
        with contextlib.closing(sdk_connection(caller)) as connection:
            by_sdk = connection.image.get("/images").json()
        by_adapter = image_adapter(caller).get("/v2/images").json()
        _, by_glanceclient = glance_client(caller).http_client.get("/v2/images")
        answers_seen: list[Any] = [by_sdk, by_adapter, by_glanceclient]
        for shown in answers_seen:
            found = own_keystone.validate(shown["token"])
            assert found is not None
            assert found["user"]["name"] == "demo"

    def test_the_command_line_has_a_token_of_keystone(
        self,
        make_server: Callable[..., Server],
        keystone: Keystone,
        openstack_cli: Callable[..., OpenStack],
    ) -> None:
        server = make_server(program=STAND_IN)
        server.start()
        run = openstack_cli(server, mode="keystone", keystone=keystone)
        assert run.json("image", "list") == []

    def test_the_command_line_needs_nobody_where_nobody_is_asked_for(
        self, make_server: Callable[..., Server], openstack_cli: Callable[..., OpenStack]
    ) -> None:
        server = make_server(program=STAND_IN)
        server.start()
        assert openstack_cli(server, mode="none").json("image", "list") == []

    def test_the_command_line_reaches_the_server(
        self, make_server: Callable[..., Server], openstack_cli: Callable[..., OpenStack]
    ) -> None:
        server = make_server(program=STAND_IN)
        server.start()
        run = openstack_cli(server)
        assert run.json("image", "list") == []


class TestImages:
    @pytest.mark.parametrize("kind", KINDS)
    def test_it_is_what_it_is_called(self, disk_images: Images, kind: str) -> None:
        data = disk_images.data(kind)
        magic, offset = {
            "gpt": (b"EFI PART", 512),
            "iso": (b"CD001", 32769),
            "luks": (b"LUKS\xba\xbe\x00\x01", 0),
            "luks2": (b"LUKS\xba\xbe\x00\x02", 0),
            "mbr": (b"\x55\xaa", 510),
            "qcow2": (b"QFI\xfb\0\0\0\x03", 0),
            "qcow2-backing": (b"QFI\xfb", 0),
            "qcow2-data-file": (b"QFI\xfb", 0),
            "qcow2-v2": (b"QFI\xfb\0\0\0\x02", 0),
            "qed": (b"QED\0", 0),
            "raw": (b"\x00\x01\x02", 0),
            "vdi": (b"\x7f\x10\xda\xbe", 64),
            "vhd": (b"conectix", 0),
            "vhd-fixed": (b"conectix", len(data) - 512),
            "vhdx": (b"vhdxfile", 0),
            "vmdk-flat": (b"# Disk DescriptorFile", 0),
            "vmdk-sparse": (b"KDMV", 0),
            "vmdk-split": (b"# Disk DescriptorFile", 0),
            "vmdk-stream": (b"KDMV", 0),
        }[kind]
        assert data[offset : offset + len(magic)] == magic

    @pytest.mark.parametrize("kind", sorted({*KINDS} - {"vhd-fixed"} - {"vmdk-flat", "vmdk-split"}))
    def test_the_inspector_of_openstack_knows_it(self, disk_images: Images, kind: str) -> None:
        known = {"mbr": "gpt", "luks2": "luks"}.get(kind, kind.partition("-")[0])
        found = format_inspector.detect_file_format(str(disk_images.path(kind)))
        assert found is not None
        assert str(found) == known
        # What is raw to the inspector is as long as what it read; VHD has whole cylinders, LUKS
        # its payload; QED is known only to be refused.
        if kind not in {"raw", "mbr", "gpt", "vhd", "luks", "luks2", "qed"}:
            assert found.virtual_size == SIZE

    def test_an_image_is_made_once(self, disk_images: Images) -> None:
        made = disk_images.path("raw").stat().st_mtime_ns
        assert disk_images.path("raw").stat().st_mtime_ns == made
        assert disk_images.path("raw").stat().st_size == SIZE
