"""A believable organisation to look at: the same each time, but for its dates, which lead up to the present. Pure."""

from __future__ import annotations

import math
import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from quantcdn.sandbox._seed import Seeded, seeded

_SESSIONS = 60
_USERS = 14
_WEEKS = 5
_MODELS = ("small", "small", "large", "large-thinking")
_LETTERS_A_TOKEN = 4
_TALKS: dict[str, tuple[tuple[str, str], ...]] = {
    "support": (
        ("My invoice shows two charges for October.", "One is the base fee, the other the traffic above it."),
        ("Can I see which site caused the traffic?", "Yes: under Usage, choose the month and group it by site."),
        ("It was the image archive.", "Then a longer cache time for images would have saved most of it."),
        ("How do I set that?", "In the rules of the site, for paths below /archive, to 30 days or more."),
        ("Done. When will it show?", "The next visits fill the cache; from tomorrow on you will see it in Usage."),
    ),
    "research": (
        ("Summarise what changed in HTTP caching with RFC 9111.", "It takes the place of RFC 7234 and drops Warning."),
        ("Is stale-while-revalidate part of it?", "No, that is RFC 5861: an extension, which most caches know."),
        ("What does a cache do without an explicit age?", "It may estimate one, often a tenth of the age of the page."),
        ("Write a table of the directives of an answer.", "max-age, s-maxage, no-cache, no-store, private, public, …"),
        ("Which of them stop a shared cache?", "private and no-store; s-maxage=0 makes it ask again each time."),
    ),
    "editors": (
        (
            "Give me three titles for an article on bees in cities.",
            "Hives on the roof · Honey from town · Bees next door",
        ),
        ("The second. Now a first paragraph.", "On a roof between two chimneys, forty thousand workers start at dawn."),
        ("Shorter, and without numbers.", "On a roof between two chimneys, work starts at dawn."),
        ("Good. Suggest a picture.", "A keeper seen from behind, with the town below; morning light."),
    ),
    "translation": (
        ("Auf Deutsch: Your session expires in ten minutes.", "Ihre Sitzung läuft in zehn Minuten ab."),
        ("Et en français ?", "Votre session expire dans dix minutes."),
        ("日本語でもお願いします。", "セッションはあと10分で終了します。"),
        ("All three again, shorter.", "Noch zehn Minuten. · Encore dix minutes. · あと10分です。"),
    ),
    "": (
        ("Hello", "Hello! What can I do for you?"),
        ("Which day of the week is the first of March?", "That depends on the year. Which one do you mean?"),
        ("Never mind.", "All right. I am here when you need me."),
    ),
}


def organisation(now: datetime) -> Iterator[Seeded]:
    """The sessions of an organisation of some weeks: groups, users, models, tokens, talks of all lengths."""
    chance = random.Random(19)
    for number in range(_SESSIONS):
        group = chance.choice(sorted(_TALKS))
        age = timedelta(weeks=_WEEKS) * (number / _SESSIONS) ** 2 + timedelta(minutes=chance.uniform(3, 300))
        talk = [turn for _ in range(chance.choice((1, 1, 1, 8))) for turn in _TALKS[group]]
        turns = talk[: chance.randint(0, len(talk))]
        yield seeded(
            {
                "id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
                "user_id": f"user-{1 + math.floor(_USERS * chance.random() ** 2):02}",
                "session_group": group or None,
                "metadata": _metadata(chance, turns),
                "messages": [
                    {"role": role, "content": text}
                    for turn in turns
                    for role, text in zip(("user", "assistant"), turn, strict=True)
                ],
                "status": "completed" if number and chance.random() < 0.15 else "active",
                "total_tokens": sum(len(text) for turn in turns for text in turn) // _LETTERS_A_TOKEN,
                "age": age,
                "idle": age * chance.random(),
                "expires_at": now + timedelta(minutes=chance.uniform(2, 24 * 60)),
            },
            now,
        )


def _metadata(chance: random.Random, turns: list[tuple[str, str]]) -> dict[str, Any]:
    metadata: dict[str, Any] = {"model": chance.choice(_MODELS)}
    if turns and chance.random() < 0.3:
        metadata |= {"title": turns[0][0].rstrip(".?"), "temperature": chance.choice((0, 0.3, 0.7))}
    return metadata
