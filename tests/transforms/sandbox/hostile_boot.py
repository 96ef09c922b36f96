"""Boots a zygote whose renderers have a hole: an upload that begins with HOSTILE is executed as a program.

Started in place of `transforms/sandbox/boot.py`; all the rest is the real thing. Nothing but tests names this file.
"""

import sys

if __name__ == "__main__":
    control, parent, limits, library, *folders = sys.argv[1:]
    sys.path = [library, *sys.path, *folders]
    from transforms.limits import Limits
    from transforms.render import Rendered, RenderJob, render
    from transforms.sandbox.zygote import main

    def taken_over(data: bytes, job: RenderJob, **options: object) -> Rendered:
        if not data.startswith(b"HOSTILE"):
            return render(data, job, **options)  # type: ignore[arg-type]
        scope: dict[str, Rendered] = {}
        exec(data[7:], scope)  # noqa: S102  # that is the hole
        return scope["rendered"]

    main(int(control), int(parent), limits=Limits.from_json(limits), render=taken_over)
