"""Where the control socket of a configuration is."""

from pathlib import Path

from proxy.cli.ctl.connection import NotReachable
from proxy.config.loading import load_control


def socket_of(config: Path) -> Path:
    """The socket that a proxy.yaml names; NotReachable if it names none, ConfigErrors if it is wrong."""
    control = load_control(config)
    if control is None:
        raise NotReachable(f"{config} has no control section that can be used; name --socket")
    if control.socket.path is None:
        text = f"{config} takes its socket from the service manager ({control.socket})"
        raise NotReachable(f"{text}; name its ListenStream= path with --socket")
    return control.socket.path
