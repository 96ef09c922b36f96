"""What the zygote's interpreter is started with: says where code lies, which -I withholds, and goes on to zygote.py."""

import sys

if __name__ == "__main__":
    control, parent, library, *folders = sys.argv[1:]
    sys.path = [library, *sys.path, *folders]
    from transforms.sandbox.zygote import main

    main(int(control), int(parent))
