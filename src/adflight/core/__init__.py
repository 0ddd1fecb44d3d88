"""One call's way to the wire and back; see `adflight.core.session` for the order of the steps."""
