"""Pages in Markdown about the claims, for `docs/results`.

`judged` finds a claim, its verdict and its runs; `claim` and `background` are the two
halves of its page, between which an author may write, `beside` what the first has of
the arms and of further contrasts, `index` leads to the pages, and
`words` has what all of them say alike. Imports `research.claims`
and, of the report, `results`, `effects`, `formats` and `tables.forms`.
"""
