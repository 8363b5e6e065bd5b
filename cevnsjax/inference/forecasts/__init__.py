"""Expected errors, intervals and limits of a ``Model``, and designs that improve them."""
