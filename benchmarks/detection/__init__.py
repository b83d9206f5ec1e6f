"""All detectors on all populations: ``python -m benchmarks.detection FOLDER``.

``sets`` says what is simulated, ``detectors`` what looks at it, ``scoring`` runs them
and ``store`` keeps the scores; ``visual``, ``contaminants``, ``completeness`` and
``reliability`` each make one part of the tables out of them, ``figures`` draws,
``report`` prints and writes.
"""
