"""spacy-llm: our task, our model in its `llm` component, and its text models in our task.

spacy-llm compares the types of tasks and models by their annotations, and knows those of
`typing` only: no built-in generics in the signatures of this room, and no postponed ones.
"""
