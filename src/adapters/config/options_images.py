"""Options that say what images may be, and how they are imported."""

from oslo_config import cfg, types

from vitrine.adapters.config.sections import Section, words

IMPORT_PLUGINS = (
    "no_op",
    "image_decompression",
    "image_conversion",
    "inject_image_metadata",
)


IMAGE_FORMAT = Section(
    name="image_format",
    help="What images may be.",
    options=(
        cfg.ListOpt(
            "disk_formats",
            default=[
                "ami",
                "ari",
                "aki",
                "vhd",
                "vhdx",
                "vmdk",
                "raw",
                "qcow2",
                "vdi",
                "iso",
                "ploop",
            ],
            deprecated_opts=[cfg.DeprecatedOpt("disk_formats", group="DEFAULT")],
            help="Values of disk_format.",
        ),
        cfg.ListOpt(
            "container_formats",
            default=["ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"],
            deprecated_opts=[cfg.DeprecatedOpt("container_formats", group="DEFAULT")],
            help="Values of container_format.",
        ),
        cfg.ListOpt(
            "vmdk_allowed_types",
            default=["streamOptimized", "monolithicSparse"],
            help="Subtypes of VMDK that may be converted.",
        ),
        cfg.BoolOpt(
            "require_image_format_match",
            default=True,
            help="Refuse data that is not of the image's disk_format, or is unsafe.",
        ),
        cfg.ListOpt(
            "gpt_safety_checks_nonfatal",
            default=[],
            help="Safety checks of disks with a partition table that may fail.",
        ),
    ),
)


TASK = Section(
    name="task",
    help="Tasks.",
    options=(
        cfg.IntOpt(
            "task_time_to_live",
            default=48,
            min=0,
            deprecated_opts=[cfg.DeprecatedOpt("task_time_to_live", group="DEFAULT")],
            help="Hours after its end for which a task is shown.",
        ),
        cfg.StrOpt("task_executor", default="taskflow", help="No effect."),
        cfg.StrOpt(
            "work_dir",
            help="A directory for data of tasks of type import, which fail without. With "
            "enabled_backends the data lies in that of [os_glance_tasks_store] instead.",
        ),
    ),
)


TASKFLOW_EXECUTOR = Section(
    name="taskflow_executor",
    help="How tasks run.",
    options=(
        cfg.StrOpt(
            "engine_mode",
            default="parallel",
            choices=["serial", "parallel"],
            help="Whether the tasks of one process run at the same time.",
        ),
        cfg.IntOpt("max_workers", default=10, min=1, help="Tasks at once in one process."),
        cfg.StrOpt(
            "conversion_format",
            choices=["qcow2", "raw", "vmdk", "vdi"],
            help="The format to which tasks of type import convert; needs qemu-img.",
        ),
    ),
)


WSGI = Section(
    name="wsgi",
    help="Work in the background.",
    options=(
        cfg.IntOpt(
            "task_pool_threads",
            default=16,
            min=1,
            help="Tasks at once in one process, if that is fewer than max_workers.",
        ),
        cfg.StrOpt("python_interpreter", help="No effect."),
    ),
)


IMAGE_IMPORT_OPTS = Section(
    name="image_import_opts",
    help="What happens on the way of an import.",
    options=(
        cfg.ListOpt(
            "image_import_plugins",
            default=[],
            item_type=words(IMPORT_PLUGINS),
            bounds=True,
            help="Steps, in brackets and in order, of " + ", ".join(IMPORT_PLUGINS) + ".",
        ),
        cfg.IntOpt(
            "max_parallel_stores",
            default=1,
            min=1,
            help="Stores that one import writes to at the same time.",
        ),
    ),
)


IMPORT_FILTERING_OPTS = Section(
    name="import_filtering_opts",
    help="Which URLs users may import from. An allow-list, unless empty, makes the matching "
    "deny-list ineffective.",
    options=(
        cfg.ListOpt("allowed_schemes", default=["http", "https"], help="Schemes allowed."),
        cfg.ListOpt("disallowed_schemes", default=[], help="Schemes denied."),
        cfg.ListOpt("allowed_hosts", default=[], help="Hosts allowed; empty for any."),
        cfg.ListOpt("disallowed_hosts", default=[], help="Hosts denied."),
        cfg.ListOpt(
            "allowed_ports",
            default=[80, 443],
            item_type=types.Integer(min=1, max=65535),
            help="Ports allowed.",
        ),
        cfg.ListOpt(
            "disallowed_ports",
            default=[],
            item_type=types.Integer(min=1, max=65535),
            help="Ports denied.",
        ),
    ),
)


GLANCE_DOWNLOAD_PROPERTIES = Section(
    name="glance_download_properties",
    help="What an import from another image service takes along.",
    options=(
        cfg.ListOpt(
            "extra_properties",
            default=["hw_", "trait:", "os_distro", "os_secure_boot", "os_type"],
            help="Beginnings of the names of properties.",
        ),
    ),
)


INJECT_METADATA_PROPERTIES = Section(
    name="inject_metadata_properties",
    help="What the plugin inject_image_metadata adds.",
    options=(
        cfg.ListOpt("ignore_user_roles", default=["admin"], help="Roles whose imports it spares."),
        cfg.DictOpt("inject", default={}, help="The properties, as NAME:VALUE."),
    ),
)


IMAGE_CONVERSION = Section(
    name="image_conversion",
    help="What the plugin image_conversion makes.",
    options=(
        cfg.StrOpt(
            "output_format",
            default="raw",
            choices=["qcow2", "raw", "vmdk"],
            help="The disk_format it converts to.",
        ),
    ),
)
