import numpy as np

from ddim.evaluation.classifier import Classifier

GENERATOR = np.random.default_rng(0)
CENTRES = {"aster": [3, 0, 0], "lily": [0, 3, 0], "rose": [0, 0, 3]}


def pictures(count):
    """Features that lie around the centres of their classes, and the names of these."""
    names = np.array(list(CENTRES) * count)
    return np.array([CENTRES[name] for name in names]) + GENERATOR.normal(size=(len(names), 3)), names


def test_pictures_are_taken_for_the_class_whose_centre_is_nearest():
    classifier = Classifier(*pictures(300))
    features, _ = pictures(300)
    distances = ((features[:, None] - np.array(list(CENTRES.values()))) ** 2).sum(axis=2)
    nearest = np.array(list(CENTRES))[distances.argmin(axis=1)]
    assert np.mean(classifier.taken_for(features) == nearest) > 0.97


def test_accuracy_is_the_part_that_is_taken_for_what_it_is_without_unknown_classes():
    classifier = Classifier(*pictures(100))
    features, names = pictures(100)
    expected = np.mean(classifier.taken_for(features) == names)
    assert 0.9 < expected < 1
    assert classifier.accuracy(features, names) == expected
    with_others = np.concatenate([names, ["tulip", ""]])
    assert classifier.accuracy(np.concatenate([features, features[:2]]), with_others) == expected


def test_a_class_of_few_pictures_counts_like_one_of_many():
    features, names = pictures(300)
    few = (names != "rose") | (np.cumsum(names == "rose") <= 6)
    others, told = pictures(300)
    classifier = Classifier(features[few], names[few])
    assert classifier.accuracy(others[told == "rose"], told[told == "rose"]) > 0.9
