"""Models that were made elsewhere, as `images → answers`: one kind of model a file.

A kind is a module here with `load(address, **options) → Adapted`, and
`predict=KIND:ADDRESS` chooses it by its name, so that one more kind is one more file.
The parameters of `load` are the keys of `adapter` (conf/eval.yaml) that the kind takes;
those that every model has, such as its preprocessing, are applied around it. `engine`
has what kinds share, `serving` what runs in an environment of its own. A kind imports
its library when a model is loaded: none of them is needed until then, and each is an
extra of its own.
"""
