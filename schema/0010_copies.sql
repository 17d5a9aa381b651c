-- The last day's creates that were answered, of which something on the way may have made a second copy.
CREATE INDEX intent_created ON intent (settled_at) WHERE state = 'created';
