"""Make the Keystone that the tests copy: a filled database and its keys; run by Keystone's Python.

    prepare_keystone.py CACHE

Leaves ``CACHE/keystone-template``. A copy of it starts in seconds, where filling a
new database takes a quarter of a minute. Does nothing when the template is there and
was made by these very files.
"""

# ruff: noqa: PLC0415 (imported once the path to it is known)

import grp
import hashlib
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
# Replaced in the catalog of every copy by where that copy listens.
IDENTITY_URL = "http://identity.invalid/v3"
IMAGE_URL = "http://127.0.0.1:9292"
CONFIG = """\
[DEFAULT]
log_file = {state}/keystone.log
[database]
connection = sqlite:///{state}/keystone.sqlite
[token]
provider = fernet
expiration = 86400
[fernet_tokens]
key_repository = {state}/fernet-keys
[credential]
key_repository = {state}/credential-keys
[identity]
# The cheapest there is: these passwords guard nothing.
password_hash_algorithm = bcrypt
password_hash_rounds = 4
[cache]
# One process serves, so its own memory will do; with no cache a validation takes 0.4 s.
enabled = true
backend = oslo_cache.dict
[oslo_policy]
enforce_scope = true
enforce_new_defaults = true
"""


def main(cache: Path) -> None:
    """Make the template if there is none of this kind."""
    template = cache / "keystone-template"
    digest = hashlib.sha256()
    for name in ("keystone.lock", "prepare_keystone.py", "seed_keystone.py"):
        digest.update((HERE / name).read_bytes())
    stamp = template / "made-by"
    if stamp.is_file() and stamp.read_text() == digest.hexdigest():
        return
    shutil.rmtree(template, ignore_errors=True)
    template.mkdir(parents=True)
    config = template / "keystone.conf"
    config.write_text(CONFIG.format(state=template))
    sys.path.insert(0, str(HERE))
    import seed_keystone

    manage = [str(Path(sys.executable).parent / "keystone-manage"), "--config-file", str(config)]
    (template / "fernet-keys").mkdir(mode=0o700)
    (template / "credential-keys").mkdir(mode=0o700)
    bootstrap = ["bootstrap", "--bootstrap-password", seed_keystone.PASSWORD]
    bootstrap += ["--bootstrap-region-id", seed_keystone.REGION]
    for interface in ("public", "internal", "admin"):
        bootstrap += [f"--bootstrap-{interface}-url", IDENTITY_URL]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    me = ["--keystone-user", pwd.getpwuid(os.getuid()).pw_name]
    me += ["--keystone-group", grp.getgrgid(os.getgid()).gr_name]
    for command in (["db_sync"], ["fernet_setup", *me], ["credential_setup", *me], bootstrap):
        subprocess.run([*manage, *command], check=True, env=environment)
    subprocess.run(
        [sys.executable, HERE / "seed_keystone.py", config, IDENTITY_URL, IMAGE_URL],
        check=True,
        env=environment,
    )
    (template / "keystone.log").unlink(missing_ok=True)
    stamp.write_text(digest.hexdigest())


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
