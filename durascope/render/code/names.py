"""Names and texts as source code: identifiers that are free, literals and comments that stay what they are."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from durascope.models.visible import visible

_WORDS_OF_TYPESCRIPT: Final = """
    abstract any arguments as async await boolean break case catch class const constructor continue debugger declare
    default delete do else enum eval export extends false finally for from function get if implements import in
    instanceof interface is keyof let module namespace never new null number object of package private protected
    public require return set static string super switch symbol this throw true try type typeof undefined unknown var
    void while with yield
    Array Boolean Date Error Function Infinity JSON Map Math NaN Number Object Promise Record Set String Symbol console
    exports global globalThis process
"""
_TYPESCRIPT: Final = frozenset(_WORDS_OF_TYPESCRIPT.split())
_PYTHON: Final = frozenset({*keyword.kwlist, *keyword.softkwlist, *dir(__builtins__), "self", "cls"})


def words(name: str) -> list[str]:
    """The words of a name, in ASCII and lower case: `user.signedUp` is user, signed, up.

    >>> words("user.signedUp")
    ['user', 'signed', 'up']
    >>> words("HTTPError 404 für Änne")
    ['http', 'error', '404', 'fur', 'anne']
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", plain)]


def snake(name: str) -> str:
    """`charge_payment`; with `n_` before it where it would begin with a digit.

    >>> snake("charge-payment"), snake("1st try")
    ('charge_payment', 'n_1_st_try')
    """
    return _begun("_".join(words(name)) or "unnamed", "n_")


def pascal(name: str) -> str:
    """`ChargePayment`

    >>> pascal("charge-payment"), pascal("???")
    ('ChargePayment', 'Unnamed')
    """
    return _begun("".join(word.capitalize() for word in words(name)) or "Unnamed", "N")


def camel(name: str) -> str:
    """`chargePayment`

    >>> camel("charge-payment")
    'chargePayment'
    """
    made = pascal(name)
    return made[0].lower() + made[1:]


def _begun(identifier: str, with_: str) -> str:
    return f"{with_}{identifier}" if identifier[0].isdigit() else identifier


class Names:
    """The identifiers of one place of a program: each is given once, and none that the language has taken.

    >>> names = python_names("order")
    >>> names.of("charge-payment"), names.of("charge-payment"), names.of("order"), names.of("class")
    ('charge_payment', 'charge_payment', 'order_2', 'class_2')
    >>> names.new("charge-payment")
    'charge_payment_2'
    """

    def __init__(self, taken: Iterable[str], form: Callable[[str], str]) -> None:
        self._taken = set(taken)
        self._form = form
        self._given: dict[object, str] = {}

    def of(self, name: str, what: object = None, form: Callable[[str], str] | None = None) -> str:
        """The identifier for that name; `what` tells apart things that have the same name."""
        key = (name, what)
        if key not in self._given:
            self._given[key] = self.new(name, form)
        return self._given[key]

    def new(self, name: str, form: Callable[[str], str] | None = None) -> str:
        """An identifier like that name that nobody has yet."""
        wanted = made = (form or self._form)(name)
        number = 2
        while made in self._taken:
            made, number = f"{wanted}_{number}" if self._form is snake else f"{wanted}{number}", number + 1
        self._taken.add(made)
        return made


def python_names(*taken: str, form: Callable[[str], str] = snake) -> Names:
    """Names in Python."""
    return Names((*_PYTHON, *taken), form)


def typescript_names(*taken: str, form: Callable[[str], str] = camel) -> Names:
    """Names in TypeScript."""
    return Names((*_TYPESCRIPT, *taken), form)


# ---- texts -----------------------------------------------------------------------------------------------------


def one_line(text: str) -> str:
    r"""A text as part of a comment: one line, nothing that acts on who reads it or ends the comment.

    >>> one_line('ends */ "here",\n or not')
    "ends * / 'here', or not"
    """
    plain = " ".join(visible(text).split())
    return plain.replace("\\", "/").replace('"', "'").replace("*/", "* /").replace("`", "'")


def quoted(text: str) -> str:
    r"""A text as a literal, in the quotes that formatters choose.

    >>> print(quoted("it's"), quoted('a "b"\n'))
    "it's" 'a "b"\n'
    """
    quote = '"' if text.count('"') <= text.count("'") else "'"
    return f"{quote}{''.join(_escaped(letter, quote) for letter in text)}{quote}"


def parts_of(text: str, scope: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
    """The parts of a text: as they are, and the code that stands for the variables of the scope (with the flag set).

    >>> list(parts_of("charge {number} of {all}", {"number": "i"}))
    [('charge ', False), ('i', True), (' of ', False), ('{all}', False)]
    """
    names = {f"{{{name}}}": code for name, code in scope.items()}
    for part in re.split(r"(\{\w+\})", text):
        if part:
            yield names.get(part, part), part in names


def in_f_string(text: str) -> str:
    r"""A text as a part of `f"…"`, which it can neither end nor run code in.

    >>> print(in_f_string('{x} "'))
    {{x}} \"
    """
    return "".join(_escaped(letter, '"') for letter in text).replace("{", "{{").replace("}", "}}")


def in_template(text: str) -> str:
    r"""A text as a part of a template literal, which it can neither end nor run code in.

    >>> print(in_template("${x} `"))
    \${x} \`
    """
    return "".join(_escaped(letter, "`") for letter in text).replace("${", "\\${")


def _escaped(letter: str, quote: str) -> str:
    if letter in ("\\", quote):
        return f"\\{letter}"
    if letter in _SHORT:
        return _SHORT[letter]
    if letter.isprintable():
        return letter
    code = ord(letter)
    if code > 0xFFFF:  # as two, which Python would not read as one: no such letter is printable in both languages
        return "\ufffd"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


_SHORT: Final = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
