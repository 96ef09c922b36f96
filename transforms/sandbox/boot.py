"""The program of the zygote's interpreter: says where code lies, which -I withholds, and goes on to zygote.py."""

import sys

if __name__ == "__main__":
    control, parent, limits, library, *folders = sys.argv[1:]
    sys.path = [library, *sys.path, *folders]
    from transforms.limits import Limits
    from transforms.sandbox.zygote import main

    main(int(control), int(parent), limits=Limits.from_json(limits))
