"""The compiled pipeline, as much of it as uploading it needs."""

import hashlib
from dataclasses import dataclass, field

import yaml

from model.errors import InvalidValue
from pipeline.environments import declared_parameters

#: It is a quarter of a megabyte; the parser in C takes 9 ms for it, the one in Python 220 ms.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Compiled:
    """required: parameters without a default."""

    text: str = field(repr=False)
    name: str
    description: str
    required: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> "Compiled":
        """
        Raises:
            InvalidValue: it is no pipeline.
        """
        try:
            specification = next(iter(yaml.load_all(text, Loader=_LOADER)))
            info, declared = specification["pipelineInfo"], specification["root"]["inputDefinitions"]["parameters"]
            required = frozenset(name for name, each in declared.items() if not each.get("isOptional"))
            return cls(text, str(info["name"]), str(info.get("description", "")), required)
        except (yaml.YAMLError, KeyError, TypeError, AttributeError, StopIteration) as error:
            declared_parameters(text)  # says what is wrong with it
            raise _refused("a compiled pipeline with a name", f"one without ({error})") from error
        except (ValueError, RecursionError) as error:  # of a date or number that is none, or nesting without an end
            found = f"something else ({type(error).__name__})"
            raise _refused("a pipeline compiled by this project", found) from error

    def version_name(self, pipeline_name: str) -> str:
        """The same for the same content. A backend that keeps its pipelines as Kubernetes objects wants it unique among
        all pipelines, and a DNS name."""
        return f"{pipeline_name}-{hashlib.sha256(self.text.encode()).hexdigest()[:12]}"


def _refused(expected: str, found: str) -> InvalidValue:
    do = "Make one with `savedmodel-release compile`."
    return InvalidValue(expected=expected, found=found, where="--pipeline", do=do)
