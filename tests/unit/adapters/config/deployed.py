"""A configuration as it is found in the field."""

from collections.abc import Callable

from vitrine.adapters.config.settings import Settings

Load = Callable[[str], Settings]
"""Loads a configuration file of a given text."""

# What a deployment tool writes for an all-in-one cloud with two stores.
DEPLOYED = """
[DEFAULT]
debug = False
log_file = /var/log/glance/glance-api.log
use_stderr = True
bind_host = 10.20.0.11
bind_port = 9292
workers = 5
enabled_backends = file:file, rbd:rbd
enabled_import_methods = [glance-direct,web-download]
show_image_direct_url = True
image_size_cap = 2199023255552
user_storage_quota = 5TB
transport_url = rabbit://openstack:bus-secret@10.20.0.11:5672//
worker_self_reference_url = http://10.20.0.11:9292

[database]
connection = mysql+pymysql://glance:db-secret@10.20.0.10:3306/glance
connection_recycle_time = 10
max_pool_size = 1
max_retries = -1

[keystone_authtoken]
service_type = image
www_authenticate_uri = http://10.20.0.10:5000
auth_url = http://10.20.0.10:5000
auth_type = password
project_domain_id = default
user_domain_id = default
project_name = service
username = glance
password = keystone-secret
cafile =
region_name = RegionOne
memcache_security_strategy = ENCRYPT
memcache_secret_key = cache-secret
memcached_servers = 10.20.0.11:11211
service_token_roles_required = true

[paste_deploy]
flavor = keystone

[glance_store]
default_backend = rbd

[file]
filesystem_store_datadir = /var/lib/glance/images/

[rbd]
rbd_store_user = glance
rbd_store_pool = images
rbd_store_chunk_size = 8
rbd_store_ceph_conf = /etc/ceph/ceph.conf
weight = 10
store_description = replicated three times

[os_glance_staging_store]
filesystem_store_datadir = /var/lib/glance/staging

[os_glance_tasks_store]
filesystem_store_datadir = /var/lib/glance/tasks_work_dir

[oslo_middleware]
enable_proxy_headers_parsing = True

[oslo_concurrency]
lock_path = /var/lib/glance/tmp

[oslo_messaging_notifications]
transport_url = rabbit://openstack:bus-secret@10.20.0.11:5672//
driver = messagingv2
topics = notifications

[oslo_messaging_rabbit]
heartbeat_in_pthread = false
rabbit_quorum_queue = true

[cors]
allowed_origin = https://dashboard.example.org
"""
