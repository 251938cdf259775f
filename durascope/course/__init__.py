"""The course "Durable execution by breaking things": ten lessons, each with a prediction and an exercise.

lessons (what a lesson consists of) · questions (a prediction and its verdict) · grading (hidden disturbances over a
learner's scenario) · cheating (what an answer may not change) · progress (what the learner has done)
"""
