"""Makes the buckets and their rules, once, with the bootstrap identity. Runs in a container of its own.

RX_S3_ENDPOINT, RX_CA_FILE and RX_S3_SECRET_KEY (of `bootstrap`) come from the environment. Repeatable.
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
    told = os.environ
    s3 = client(told["RX_S3_ENDPOINT"], Identity.BOOTSTRAP, told["RX_S3_SECRET_KEY"], ca_file=told["RX_CA_FILE"])
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
