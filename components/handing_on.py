"""Steps of one pipeline that hand their code on, so that each carries only what none before it has carried.

A Workflow's status repeats what a step carries for each of its nodes, in the order of their ids, which is none: gzip
does not see the repetition, and eight whole steps would make it larger than a cluster takes. Artifacts cost it nothing.
"""

import ast
import inspect
import linecache
import textwrap
from collections.abc import Callable
from typing import Any

from kfp import dsl

#: The artifacts: the code of all steps before, and of this one too.
CODE, ONWARD = "code", "code_onward"
#: As KFP calls them where it unpacks what a step carries.
_DIRECTORY, _TARFILE = "__KFP_EMBEDDED_ASSET_DIR", "__kfp_tarfile"

_TAKES = f"""
with {_TARFILE}.open({CODE}.path) as handed:
    handed.extractall({_DIRECTORY})
"""
_GIVES = f"""
with {_TARFILE}.open({ONWARD}.path, 'w') as handed:
    handed.add({_DIRECTORY}, '')
"""
_DOCUMENTED = {CODE: "The code of the steps before.", ONWARD: "That and this step's, for the next one."}


def handing_on(function: Callable[..., Any], *, takes: bool, gives: bool) -> Callable[..., Any]:
    """The step's function, which first unpacks the code that is handed to it, and first of all hands it on.

    takes: whether a step comes before it; gives: whether one comes after it.
    """
    definition = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(definition, ast.FunctionDef)
    annotations = {CODE: "dsl.Input[dsl.Artifact]"} if takes else {}
    annotations |= {ONWARD: "dsl.Output[dsl.Artifact]"} if gives else {}
    before = ast.parse(_TAKES * takes + _GIVES * gives).body
    added = [ast.arg(name, ast.parse(text, mode="eval").body) for name, text in annotations.items()]
    definition.args.args[:0] = added
    documented = "".join(f"    {name}: {_DOCUMENTED[name]}\n" for name in annotations)
    has = ast.get_docstring(definition)
    text = (has or "").rstrip() + "\n" + documented
    definition.body[: 1 if has else 0] = [ast.Expr(ast.Constant(text)), *before]
    return _defined(ast.unparse(ast.fix_missing_locations(definition)), like=function)


def _defined(source: str, *, like: Callable[..., Any]) -> Callable[..., Any]:
    """KFP reads the source of a function where Python's inspect module finds it."""
    file = f"<{like.__name__}, handing on>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names = {"dsl": dsl, **like.__globals__}
    exec(compile(source, file, "exec"), names)
    defined: Callable[..., Any] = names[like.__name__]
    return defined
