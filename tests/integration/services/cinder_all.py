"""A whole Cinder in one process: API, scheduler and volume service; run by Cinder's own Python.

    cinder_all.py CONFIG_FILE

Its three programs would meet through a message broker. In one process oslo.messaging's
own transport in memory does, and what is started is there in seconds.
"""

# ruff: noqa: E402 (nothing may be imported before the patch)

from cinder import monkey_patch

monkey_patch.patch()

import sys

import os_brick
from cinder import coordination, objects, rpc, service, version
from cinder.common import config, constants
from oslo_config import cfg
from oslo_log import log
from oslo_privsep import priv_context
from oslo_service import service as oslo_service

BACKEND = "ceph"


def main(config_file: str) -> None:
    """Serve until told to stop."""
    conf = cfg.CONF
    objects.register_all()
    conf(["--config-file", config_file], project="cinder", version=version.version_string())
    config.set_middleware_defaults()
    log.setup(conf, "cinder")
    # Nothing of it needs more rights than it has.
    priv_context.init(root_helper=["env"])
    os_brick.setup(conf)
    coordination.COORDINATOR.start()
    rpc.init(conf)
    launcher = oslo_service.ServiceLauncher(conf)
    launcher.launch_service(service.Service.create(binary=constants.SCHEDULER_BINARY))
    launcher.launch_service(
        service.Service.create(
            host=f"{conf.host}@{BACKEND}",
            service_name=BACKEND,
            binary=constants.VOLUME_BINARY,
            coordination=True,
        )
    )
    launcher.launch_service(service.WSGIService("osapi_volume"))
    launcher.wait()


if __name__ == "__main__":
    main(sys.argv[1])
