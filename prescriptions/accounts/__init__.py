"""Staff accounts: who signs in, with what, for how long, and what the audit log knows of it.

Passwords, codes, passkeys and single sign-on are django-allauth's, lock-out is django-axes'. Here is what we ask of
them: a policy for second factors, limits of sessions, an account that is made by one form, and words for the audit log.
"""
