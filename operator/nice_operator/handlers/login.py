"""Who kopf is to the API server. Explicit, so that no library that happens to be installed changes it."""

from __future__ import annotations

from typing import Any

import kopf
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config import ConfigException, load_kube_config

from nice_operator.ports import KubeAccess


async def login(access: KubeAccess, **arguments: Any) -> kopf.ConnectionInfo:
    """The pod's service account unless somebody chose otherwise; else a kubeconfig. Called again whenever the
    API server says that the credentials are none any more."""
    own = None if access.given else kopf.login_with_service_account(**arguments)
    return own or await _from_kubeconfig(access)


async def _from_kubeconfig(access: KubeAccess) -> kopf.ConnectionInfo:
    """kopf's own reader knows no contexts and no credential plugins, which every managed cluster has."""
    configuration = Configuration()
    file = str(access.kubeconfig) if access.kubeconfig else None
    try:
        await load_kube_config(file, access.context, configuration)
    except (ConfigException, OSError) as error:
        raise kopf.LoginError(f"no access to Kubernetes: {error}") from error
    scheme, _, token = str(configuration.api_key.get("BearerToken") or "").partition(" ")
    return kopf.ConnectionInfo(
        server=str(configuration.host),
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        scheme=scheme or None,
        token=token or None,
        proxy_url=configuration.proxy,
    )
