"""A desk phone of an agent: registers at a real Asterisk, rings, and answers calls or lets them ring."""

from typing import Literal

from tests.asterisk.lab.phone import Phone

_SDP = "\r\n".join(
    (
        "v=0",
        "o=lab 1 1 IN IP4 127.0.0.1",
        "s=-",
        "c=IN IP4 127.0.0.1",
        "t=0 0",
        "m=audio {port} RTP/AVP 0",
        "a=rtpmap:0 PCMU/8000",
        "",
    )
)


class Desk(Phone):
    """``answers``: what it does with a call.  A call that it has answered ends from Asterisk's side."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.answers: Literal["at once", "never"] = "at once"

    def answers_to(self, request: str) -> list[tuple[str, str]]:
        method = request.partition(" ")[0]
        if method == "INVITE":
            ringing = [("180 Ringing", "")]
            answered = [("200 OK", _SDP.format(port=self.port))]
            return ringing + (answered if self.answers == "at once" else [])
        if method == "ACK":
            return []
        return [("200 OK", "")]
