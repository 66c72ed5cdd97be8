"""How a message is cut."""

from __future__ import annotations

from typing import TypeVar

Message = TypeVar("Message", str, bytes)


def cut(message: Message) -> tuple[Message, Message, Message]:
    """Three pieces; of an empty message three empty ones."""
    third = (len(message) + 2) // 3
    return message[:third], message[third : 2 * third], message[2 * third :]
