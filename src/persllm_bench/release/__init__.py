"""The data as a published data set: flat tables, Croissant metadata, and the push to a hub."""
