# A client that comes again: by its password the first time, by a token after that (XEP-0484).
import uuid

from support import sasl2
from support.cases import check
from support.wire import SASL, Wire

MECHANISM = "HT-SHA-256-NONE"


def condition_of(answer):
    return "success" if answer.tag == sasl2.SASL2 + "success" else answer[0].tag.removeprefix(SASL)


class KnownClient:
    """Both ways answer "success" or the condition of the failure, and keep what token they are given."""

    def __init__(self, environment, account):
        self.environment, self.account = environment, account
        self.agent = sasl2.agent(str(uuid.uuid4()))
        self.secret = None

    def _say(self, send):
        with Wire(self.environment, self.account.host, patience=15) as wire:
            wire.start_tls()
            answer = send(wire)
            condition = condition_of(answer)
            if condition == "success":
                self.secret = sasl2.token_of(answer) or self.secret
            return condition

    def by_password(self, password=None):
        message = f"\0{self.account.user}\0{self.account.password if password is None else password}"
        return self._say(lambda wire: sasl2.authenticate(
            wire, "PLAIN", message, self.agent, sasl2.request_token(MECHANISM)))

    def by_token(self, *beside):
        check(self.secret, "no token was given")
        return self._say(lambda wire: sasl2.token(
            wire, MECHANISM, self.account.user, self.secret, self.agent, sasl2.fast(), *beside))
