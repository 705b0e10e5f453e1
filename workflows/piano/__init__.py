"""Piano models at work.

playing  pieces begun or continued, what a model expects, and the nearest training passages
"""
