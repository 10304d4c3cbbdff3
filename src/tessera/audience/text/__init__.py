"""The text form of conditions: what people read, write and diff."""
