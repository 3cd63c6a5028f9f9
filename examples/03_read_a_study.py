"""Read a study: how far it is, every network and training, the front, what mattered, the page.

    python examples/03_read_a_study.py

It needs the study of `02_search.py`, and works while a search runs: reading changes nothing.
"""

import mbnas

study = mbnas.open("studies/discs")
print(study.status())

best_first = sorted(
    (each for each in study.evaluations() if each.score is not None),
    key=lambda each: each.score,
    reverse=True,
)
for each in best_first:
    print(f"{each.number:3d}  {each.score:.3f}  {each.parameters:9,d}  {each.genotype}")

seconds = sum(each.wall_s for each in study.trainings())
print(f"{len(study.trainings())} trainings took {seconds:.0f} s.")

print("Better networks cost more, and these are the best at their cost:")
for each in study.front:
    print(f"  {each.score:.3f} at {each.multiply_accumulates:,d} multiply-accumulates")

print(study.explain())
print(f"The page is {study.report()}.")
