"""The generated page agrees with the tables."""

from tests.deploy.reference import PAGE, page


def test_the_page_is_generated_from_the_tables() -> None:
    assert PAGE.read_text() == page(), "make reference writes it"
