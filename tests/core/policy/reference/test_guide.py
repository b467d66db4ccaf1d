"""The tables as the operator's guide shows them."""

from amiproxy.core.policy.reference import guide


def test_variables_are_listed_by_the_kind_of_their_values() -> None:
    table = guide.variables_table()
    assert "| class system: the value is run as code, or dialled | `AGIEXECFULL`, " in table
    assert "| text (identifies the caller) | `CALLER_H323DIALEDDIGITS`, " in table


def test_functions_are_listed_by_the_users_that_may_use_them() -> None:
    first, closed = guide.functions_table().splitlines()[2], guide.functions_table().splitlines()[-1]
    assert first.startswith("| all users | `CALLERID`, ")
    assert "`LDAP*`" in closed
    assert "`CONFBRIDGE_INFO`" in guide.about_others()
