"""A drill: the whole course of a crisis on today's calendar, with nothing written outside its own records."""

from seed.demo.cast import Cast
from seed.demo.screen import chapter
from seed.drills.comparison import score_table
from seed.drills.play import Drill
from seed.drills.scenarios import scenario_of

SCENARIO = "respiratory_virus"
PLAN_SECONDS = 4


def tell(cast: Cast) -> None:
    """Play a drill as `creneau crisis drill` does, and show its score."""
    chapter(cast.console, "4. A drill: what would happen if")
    scenario = scenario_of(SCENARIO)
    cast.console.print(scenario.story)
    people = {person.role: person for person in (cast.coordinator, cast.authority, *cast.cdmos)}
    score = Drill(scenario, people, cast.console.print, cast.today, time_limit_s=PLAN_SECONDS).play()
    cast.console.print(score_table(score))
    cast.console.print("No slot, booking or charge has changed: the database refuses a drill any write but its own.")
