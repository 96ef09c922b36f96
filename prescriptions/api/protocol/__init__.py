"""What HTTP has for every operation alike: other origins, preferences, requests that are sent again."""
