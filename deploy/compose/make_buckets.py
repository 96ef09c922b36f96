"""Makes the buckets and their rules, once, with the bootstrap identity. Runs in a container of its own.

RX_S3_ENDPOINT and RX_S3_SECRET_KEY (of `bootstrap`) come from the environment. Repeatable.
"""

import os
import sys
import time

from botocore.exceptions import BotoCoreError, ClientError

from rxproject.buckets import Identity, client, prepare

# SeaweedFS answers its health check up to a second before the first volume can be written.
ATTEMPTS = 30
PAUSE_SECONDS = 1.0


def main() -> None:
    s3 = client(os.environ["RX_S3_ENDPOINT"], Identity.BOOTSTRAP, os.environ["RX_S3_SECRET_KEY"])
    for attempt in range(1, ATTEMPTS + 1):
        try:
            prepare(s3)
        except (BotoCoreError, ClientError) as error:
            if attempt == ATTEMPTS:
                sys.exit(f"The buckets could not be made in {ATTEMPTS} attempts. The last answer: {error}")
            time.sleep(PAUSE_SECONDS)
        else:
            return


if __name__ == "__main__":
    main()
