"""An independent answer to "where does this call go": slow, from the raw directory, sharing no code with the rules under test."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from tests.core.routing.worlds import HOLIDAYS, WORKED, World

from twelve333.core.coverage.model import DayHours, Declaration
from twelve333.core.registration.model import Unit
from twelve333.core.routing.model import Call, Queue, State
from twelve333.core.routing.policy import Rule

Verdicts = list[tuple[str, str, str, str, bool]]


class Oracle:
    """Answers from one world."""

    def __init__(self, world: World, state: State, call: Call, now: datetime) -> None:
        self.known = {unit.code: unit for unit in world.units}
        self.declared = {it.unit: it for it in world.declarations if it.unit in self.known}
        self.rules = {policy.unit: sorted(policy.rules, key=lambda rule: rule.priority, reverse=True) for policy in world.policies}
        self.members, self.state, self.call, self.now = world.members, state, call, now

    def where(self) -> tuple[Verdicts, tuple[str, str]]:
        """Unit, relation, verdict and rule of every candidate, whether the reserve for priority calls decided, and the last resort."""
        verdicts: Verdicts = []
        for code, relation, grantor, named_by in self.in_order():
            reason, rule = self.objection(code, grantor)
            reserved = reason in ("", "rate") and self.reserve_counts(code)
            if not reason:
                reason = "eligible" if any(verdict == "chosen" for _, _, verdict, _, _ in verdicts) else "chosen"
            verdicts.append((code, relation, reason, rule or named_by, reserved))
        return verdicts, self.last_resort(verdicts)

    def in_order(self) -> list[tuple[str, str, str, str]]:
        """(unit, relation, who made the agreement, the rule that names it)."""
        usual = [(code, relation, grantor, "") for code, relation, grantor in self.usual()]
        if not usual:
            return []
        first = usual[0][0]
        for rule in self.rules.get(first, []):
            if rule.action.value == "prefer" and self.holds(rule, first):
                name = f"{first}/{rule.id}"
                named = [(code, "policy", "", name) for code in self.drawn(rule)]
                return named + [each for each in usual if each[0] not in [code for code, _, _, _ in named]]
        return usual

    def usual(self) -> list[tuple[str, str, str]]:
        owners: list[str] = []
        for place in (self.call.region, self.call.region[:4] + "00", self.call.region[:2] + "0000"):
            owners = [place] if place in self.known else []
            owners += [code for code in sorted(self.declared) if place in self.declared[code].areas and code != place]
            if owners:
                break
        found = [(code, "owner", "") for code in owners]

        def add(code: str, relation: str, grantor: str) -> None:
            if code in self.known and code not in [seen for seen, _, _ in found]:
                found.append((code, relation, grantor))

        for code in owners:
            above = self.known[code].parent
            for _ in range(len(self.known)):
                if above in self.known:
                    add(above, "parent", "")
                    above = self.known[above].parent
        for code in [code for code, _, _ in found]:
            for other in self.declared[code].fallbacks if code in self.declared else ():
                add(other, "agreement", code)
        nearest_first = sorted(found[: len(owners)], key=lambda each: -self.nearness(each[0]))
        return nearest_first + found[len(owners) :]

    def nearness(self, code: str) -> float:
        declaration = self.declared.get(code)
        if declaration is None:
            return 0
        lengths = [len(topic) if topic != "*" else 0.1 for topic in declaration.topics if topic == "*" or self.call.topic.startswith(topic)]
        if not lengths or not speaks(declaration, self.call.language):
            return 0
        return max(lengths) + (0.01 if self.call.language in declaration.languages else 0)

    def drawn(self, rule: Rule) -> list[str]:
        """The targets in the order of trying: by weight among those that can answer, then the others."""
        draw, order = self.call.draw / (rule.when.share_pct / 100), []
        able = [target for target in rule.targets if target.unit in self.known and not self.objection(target.unit, "")[0]]
        unable = [target.unit for target in rule.targets if target not in able and target.unit in self.known]
        while able:
            total = sum(target.weight for target in able)
            edges = [sum(target.weight for target in able[: number + 1]) for number in range(len(able))]
            number = next((number for number, edge in enumerate(edges) if draw * total < edge), len(able) - 1)
            below = edges[number] - able[number].weight
            draw = min(max((draw * total - below) / able[number].weight, 0.0), 1 - 2**-53)
            order.append(able.pop(number).unit)
        return order + unable

    def holds(self, rule: Rule, unit: str) -> bool:
        when, queue = rule.when, self.queue(unit)
        local = self.now + timedelta(hours=8)
        minute = local.hour * 60 + local.minute
        in_window = any(
            day.weekday == local.isoweekday() and any(span.start <= minute < span.end for span in day.spans) for day in when.windows
        )
        rings_from = [region[: {"0000": 2}.get(region[2:], 4 if region.endswith("00") else 6)] for region in when.caller_regions]
        conditions = [
            rule.valid_from is None or self.now >= rule.valid_from,
            rule.valid_until is None or self.now < rule.valid_until,
            not when.topics or any(self.call.topic.startswith(topic) for topic in when.topics),
            not when.languages or self.call.language in when.languages,
            not rings_from or any(self.call.caller_region.startswith(digits) for digits in rings_from if self.call.caller_region),
            self.call.priority >= when.priority_min,
            self.call.draw < when.share_pct / 100,
            not when.windows or in_window,
            not (when.waiting_min or when.wait_min_s)
            or (queue is not None and queue.waiting >= when.waiting_min and queue.wait_s >= when.wait_min_s),
        ]
        return all(conditions)

    def queue(self, unit: str) -> Queue | None:
        queue = self.state.queues.get(unit)
        return queue if queue and queue.expires_at > self.now else None

    def objection(self, code: str, grantor: str) -> tuple[str, str]:
        unit, declaration = self.known[code], self.declared.get(code)
        if code in self.call.visited:
            return "loop", ""
        if len(self.call.visited) > 4:
            return "hop_limit", ""
        if unit.status.value != "open":
            return ("suspended" if unit.status.value == "suspended" else "unit_not_open"), ""
        if unit.silent_since is not None:
            return "silent", ""
        if declaration is None:
            return "not_declared", ""
        return self.of_matter(declaration, grantor) or self.of_reach(unit) or self.of_rules(code) or self.of_room(code) or ("", "")

    def of_matter(self, declaration: Declaration, grantor: str) -> tuple[str, str] | None:
        if self.call.topic and not any(topic == "*" or self.call.topic[: len(topic)] == topic for topic in declaration.topics):
            return "topic", ""
        if not speaks(declaration, self.call.language):
            return "language", ""
        if not is_open(declaration, self.now):
            return "closed_now", ""
        for rule in self.declared[grantor].fallback_rules if grantor else ():
            if rule.unit == declaration.unit:
                right_time = {"any": True, "closed": not is_open(self.declared[grantor], self.now)}.get(
                    rule.when.value, is_open(self.declared[grantor], self.now)
                )
                of_topic = not rule.topics or any(self.call.topic and self.call.topic.startswith(topic) for topic in rule.topics)
                if not (right_time and of_topic and (not rule.languages or self.call.language in rule.languages)):
                    return "not_agreed", ""
        return None

    def of_reach(self, unit: Unit) -> tuple[str, str] | None:
        if unit.member not in self.members:
            return "no_node", ""
        if self.state.unreachable.get(unit.member, self.now) > self.now:
            return "unreachable", ""
        return ("recently_refused", "") if self.state.refused.get(unit.code, self.now) > self.now else None

    def of_rules(self, code: str) -> tuple[str, str] | None:
        for rule in self.rules.get(code, []):
            if rule.action.value == "refuse" and self.holds(rule, code):
                return "rule", f"{code}/{rule.id}"
        return None

    def of_room(self, code: str) -> tuple[str, str] | None:
        queue, slots = self.queue(code), self.state.slots.get(code)
        if queue and not queue.active:
            return "inactive", ""
        if (queue and not queue.free) or (slots and slots.until > self.now and not slots.free):
            return "full", ""
        gap = self.state.gapped.get(code)
        if gap is None or gap.until <= self.now or (self.call.priority and gap.reserve):
            return None
        return "rate", ""

    def reserve_counts(self, code: str) -> bool:
        gap = self.state.gapped.get(code)
        return gap is not None and gap.until > self.now and gap.reserve

    def last_resort(self, verdicts: Verdicts) -> tuple[str, str]:
        busy = {"chosen", "eligible", "unreachable", "recently_refused", "inactive", "full", "rate"}
        for code, _, verdict, _, _ in verdicts:
            if verdict in busy | {"closed_now"} and self.declared[code].voicemail:
                return "voicemail", code
        for code, _, verdict, _, _ in verdicts:
            if verdict in busy:
                return "callback", code
        return "case", ""


def speaks(declaration: Declaration, language: str) -> bool:
    return language in declaration.languages or language.split("-")[0] in declaration.languages


def is_open(declaration: Declaration, now: datetime) -> bool:
    local, hours = (now + timedelta(hours=8)).replace(tzinfo=None), declaration.hours
    minute, day, weekday = local.hour * 60 + local.minute, local.date(), local.isoweekday()
    if hours.always:
        return True
    for exception in hours.exceptions:
        if exception.date == day:
            return any(minute in range(span.start, span.end) for span in exception.spans)
    if day in HOLIDAYS and hours.holidays.value == "closed":
        return False
    if day in WORKED and hours.makeup_as:
        weekday = hours.makeup_as
    week: Sequence[DayHours] = hours.weekly
    for season in hours.seasons:
        today, first, last = (day.month, day.day), season.first, season.last
        if (first <= today <= last) if first <= last else not last < today < first:
            week = season.weekly
    return any(minute in range(span.start, span.end) for each in week if each.weekday == weekday for span in each.spans)
