"""What is sent as JSON is taken as it is named and typed in the OpenAPI document, or refused by name."""

from collections.abc import Mapping
from typing import Any, Final, cast

from django.utils.datastructures import MultiValueDict
from rest_framework import serializers

# DRF's fields also read what looks like theirs: a number as a text, the text "1" as a number.
_TYPES: Final = (
    (serializers.CharField, str, "A text."),
    (serializers.IntegerField, int, "A whole number."),
)


class NumberField(serializers.FloatField):
    """A number inside a list, where `Strict` does not look: neither a text nor `true`."""

    def to_internal_value(self, data: Any) -> float:
        if type(data) not in (int, float):
            self.fail("invalid")
        return super().to_internal_value(data)


class Strict(serializers.Serializer[Any]):
    """Refuses fields that it does not know (a misspelt one would be as good as not sent) and values of another type."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return super().to_internal_value(data)
        values: Any = None
        wrong: dict[str, Any] = {}
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            wrong = dict(cast("Mapping[str, Any]", error.detail))
        known = [name for name, field in self.fields.items() if not field.read_only]
        detail = f"There is no such field. Known: {', '.join(known)}."
        wrong |= {str(name): [detail] for name in data.keys() - set(known)}
        if not isinstance(data, MultiValueDict):  # of a form everything is text
            wrong = {**self._mistyped(data), **wrong}
        if wrong:
            raise serializers.ValidationError(wrong)
        return values

    def _mistyped(self, data: Mapping[str, Any]) -> dict[str, list[str]]:
        wrong = {}
        for name, value in data.items():
            field = self.fields.get(name)
            for kind, python, detail in _TYPES:
                if isinstance(field, kind) and value is not None and not _is(value, python):
                    wrong[name] = [detail]
        return wrong


def _is(value: Any, python: type) -> bool:
    """JSON has one kind of number: 21.0 is whole."""
    return type(value) is python or (python is int and type(value) is float and value.is_integer())
