"""The stories of the demo: what is ordered is what the paper says."""

from rxproject.local.demo.load import ORDER
from rxproject.local.demo.stories import STORIES
from rxproject.local.samples.content import content


def test_each_story_is_an_order_of_its_own_with_what_the_paper_says() -> None:
    assert len({story.order_ref for story in STORIES} | {ORDER}) == len(STORIES) + 1
    assert [story.file for story in STORIES[:3]] == ["phone-photo.jpg", "a4-scan.jpg", "three-pages.pdf"]
    for story in STORIES:
        paper = [medicine.name for medicine in content(story.seed, medicines=story.medicines).medicines]
        assert [f"{line['name']} {line['strength']}" for line in story.lines] == paper[:5]
        assert ("H1" in [line["schedule"] for line in story.lines]) == story.strict
