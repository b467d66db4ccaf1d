"""The generated page says what the tables say."""

from tests.deploy.reference import PAGE, page


def test_the_page_is_that_of_the_tables() -> None:
    assert PAGE.read_text() == page(), "make reference writes it"
