"""Languages: which one a page speaks, the catalogues of words, how dates are written.

`customers/` has the words of customers' pages and of reasons, for every language; `staff/` those of everything else,
for the languages of RX_STAFF_LANGUAGES. docs/how-to/translate.md says how they are kept.
"""
