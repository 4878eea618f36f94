"""The pure core: frames and dataclasses in, frames and dataclasses out."""
