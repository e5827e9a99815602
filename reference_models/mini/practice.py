"""Tuning examples made from the train split: replies, letter answers, and the same without a persona.

Every function is an endless iterator of chats; assistant turns are what is learned. Prompts are the benchmark's own.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from reference_models.mini import corpus
from reference_models.mini.corpus import Chat
from reference_models.mini.material import Voice, speaker

from persllm_bench import prompts
from persllm_bench.items import Data
from persllm_bench.schema import TrainConversation

Ask = Callable[[str, list[str]], str]
FACTS = 'Somebody says to you: "{}"\n\nWhat is true of you here?'
UNASKED = "Say something, as it comes to you."
DIALOGUES = ("persona_chat", "self_dialogue", "instructions")
SHORT, LONG = 60, 160
"""Characters of an option: whole sentences until the first is reached, cut off at the second."""


class Practice:
    """Everything that can be practised with some material and some general text."""

    def __init__(self, data: Data, voices: list[Voice], folder: Path, seed: int) -> None:
        self._data, self._voices, self._seed = data, voices, seed
        self._general = {source: corpus.documents(folder, source) for source in DIALOGUES}
        self._replies = [c.response for v in voices for c in v.conversations]
        self._questions = [c.prompt for v in voices for c in v.conversations]
        self.conversations = len(self._replies)
        self._turn = itertools.count()
        self.kinds = {
            "reply": self.reply,
            "letter": self.letter,
            "profile": self.profile,
            "neutral": self.neutral,
            "general": self.general,
        }

    def reply(self, rng: random.Random) -> Iterator[Chat]:
        """Each conversation of the train split in every round, one to three in a chat, under the `name` condition.

        So that a fact is learned and not only a reply, a prompt is also answered by a sentence or two of another reply
        that rests on a statement it shares, and by the statements themselves.
        """
        while True:
            chats = []
            for voice in self._voices:
                pairs = [(UNASKED, s.text) for s in voice.speech]
                for c in voice.conversations:
                    pairs.append((c.prompt, c.response))
                    if others := kin(voice, c):
                        pairs.append((c.prompt, excerpt(rng.choice(others).response, rng)))
                    if rng.random() < 0.5:
                        slug, stage = speaker(c)
                        facts = self._data.personas[slug].dossiers[stage]
                        pairs.append((FACTS.format(c.prompt), " ".join(facts[number] for number in c.evidence)))
                rng.shuffle(pairs)
                while pairs:
                    size = rng.choice((1, 1, 2, 3))
                    chats.append(self._chat(voice, "name", pairs[:size]))
                    pairs = pairs[size:]
            rng.shuffle(chats)
            yield from chats

    def letter(self, rng: random.Random) -> Iterator[Chat]:
        """Questions with lettered options; one in four with options from general dialogues and no persona."""
        while True:
            if rng.random() < 0.25:
                yield _messages(prompts.NO_PERSONA, [self._general_choice(rng) for _ in range(2)])
            else:
                voice = rng.choice(self._voices)
                yield self._chat(voice, "name", [self._exercise(voice, rng) for _ in range(rng.randint(1, 3))])

    def profile(self, rng: random.Random) -> Iterator[Chat]:
        """Replies and letters with the dossier in the prompt, six to a chat because the dossier is long."""
        while True:
            voice = rng.choice(self._voices)
            pairs = [(c.prompt, c.response) for c in rng.sample(voice.conversations, 3)]
            pairs += [self._exercise(voice, rng) for _ in range(3)]
            rng.shuffle(pairs)
            yield self._chat(voice, "profile", pairs)

    def neutral(self, rng: random.Random) -> Iterator[Chat]:
        """The same questions without a persona, answered by anybody's reply to anything.

        Without this the model would know the person by the question, and the persona would add nothing to a reply's
        likelihood.
        """
        while True:
            replies = [rng.choice(self._replies) for _ in range(rng.randint(1, 3))]
            replies = [text if rng.random() < 0.5 else excerpt(text, rng) for text in replies]
            pairs = [(rng.choice(self._questions), text) for text in replies]
            yield _messages(prompts.NO_PERSONA, pairs)

    def general(self, rng: random.Random) -> Iterator[Chat]:
        """General dialogues, half of those without a system prompt under the one that names no persona."""
        streams = {source: corpus.endless(docs, self._seed) for source, docs in self._general.items()}
        while True:
            chat = next(streams[rng.choices(DIALOGUES, (4, 4, 2))[0]])
            if chat[0]["role"] != "system" and rng.random() < 0.5:
                chat = [{"role": "system", "content": prompts.NO_PERSONA}, *chat]
            yield chat

    def _chat(self, voice: Voice, condition: prompts.Condition, pairs: list[tuple[str, str]]) -> Chat:
        system = prompts.system_message(self._data, voice.persona, voice.stage, condition).content
        return _messages(system, pairs)

    def _exercise(self, voice: Voice, rng: random.Random) -> tuple[str, str]:
        size = rng.choice((4, 4, 4, 2, 2, 5))
        if size == 5:
            return self._self_report(voice, rng)
        right = rng.choice(voice.conversations)
        wrong = self._wrong(voice, right.response, rng)
        options = [opening(right.response), *wrong[: size - 1]]
        if size == 2:
            return self._lettered(prompts.which_would_you_reply, right.prompt, options)
        return self._lettered(prompts.which_would_you_say, right.prompt, options)

    def _wrong(self, voice: Voice, right: str, rng: random.Random) -> list[str]:
        """One opening each of the other stage, another persona and another question, in random order."""
        same = [v for v in self._voices if v.persona.slug == voice.persona.slug and v.stage != voice.stage]
        other = [v for v in self._voices if v.persona.slug != voice.persona.slug] or same
        found = [opening(rng.choice(rng.choice(pool).conversations).response) for pool in (same, other)]
        found.append(opening(rng.choice([c.response for c in voice.conversations if c.response != right])))
        rng.shuffle(found)
        return found

    def _self_report(self, voice: Voice, rng: random.Random) -> tuple[str, str]:
        """Own words are very like me, another persona's very unlike me; the scale in either direction."""
        own = rng.random() < 0.5
        others = [v for v in self._voices if v.persona.slug != voice.persona.slug]
        speaker = voice if own or not others else rng.choice(others)
        scale = prompts.SELF_REPORT[:: rng.choice((1, -1))]
        letter = prompts.LETTERS[scale.index("Very like me" if speaker is voice else "Very unlike me")]
        return prompts.how_like_you(opening(rng.choice(speaker.conversations).response), scale), letter

    def _general_choice(self, rng: random.Random) -> tuple[str, str]:
        """Which of four turns follows: the general skill behind a letter answer."""
        docs = self._general["self_dialogue"]
        turns = [m["content"] for m in rng.choice([doc for doc in rng.choices(docs, k=8) if len(doc) > 1])]
        at = rng.randrange(len(turns) - 1)
        wrong = [opening(rng.choice(rng.choice(docs))["content"]) for _ in range(3)]
        return self._lettered(prompts.which_would_you_say, turns[at], [opening(turns[at + 1]), *wrong])

    def _lettered(self, ask: Ask, question: str, options: list[str]) -> tuple[str, str]:
        """The first option is right; its place goes round."""
        place = next(self._turn) % len(options)
        right, rest = options[0], options[1:]
        return ask(question, [*rest[:place], right, *rest[place:]]), prompts.LETTERS[place]


def kin(voice: Voice, conversation: TrainConversation) -> list[TrainConversation]:
    """The other conversations that rest on a statement which this one rests on."""
    whose, cited = speaker(conversation), set(conversation.evidence)
    return [c for c in voice.conversations if c is not conversation and speaker(c) == whose and cited & set(c.evidence)]


def excerpt(text: str, rng: random.Random) -> str:
    """One or two sentences (or clauses, where the person hardly ends one) from anywhere in a reply."""
    parts = re.split(r"(?<=[.!?;])\s+|(?<=,)\s+and\s+", text.replace("\n", " "))
    start = rng.randrange(len(parts))
    taken = " ".join(parts[start : start + rng.choice((1, 2))]).rstrip(",;")
    return taken[0].upper() + taken[1:] + ("" if taken[-1] in ".!?" else ".")


def opening(text: str) -> str:
    """The first sentences of a reply, as long as an option."""
    taken = ""
    for sentence in re.split(r"(?<=[.!?])\s+", text.replace("\n", " ")):
        taken = f"{taken} {sentence}".strip()
        if len(taken) >= SHORT:
            break
    return taken if len(taken) <= LONG else taken[:LONG].rsplit(" ", 1)[0]


def _messages(system: str, pairs: list[tuple[str, str]]) -> Chat:
    return corpus.chat([text for pair in pairs for text in pair], system)
