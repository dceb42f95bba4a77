"""Delivery: what is next in order, what a receipt closes, when to send again. Pure rules; the adapters move the bytes."""
