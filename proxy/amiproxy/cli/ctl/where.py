"""Finds the control socket of a configuration."""

from pathlib import Path

from amiproxy.cli.ctl.connection import NotReachable
from amiproxy.config.loading import load_control


def socket_of(config: Path) -> Path:
    """The path of the control socket that a proxy.yaml names.

    Raises NotReachable if it names no usable one, ConfigErrors if the file cannot be read.
    """
    control = load_control(config)
    if control is None:
        text = f"{config} has no control section that can be used, so nothing can report results"
        remedy = "add control: {socket: /run/ami-proxy/control.sock} and restart the service, or use --socket"
        raise NotReachable(f"{text}; {remedy}")
    if control.socket.path is None:
        text = f"{config} takes its socket from the service manager ({control.socket})"
        raise NotReachable(f"{text}; give its ListenStream= path with --socket")
    return control.socket.path
