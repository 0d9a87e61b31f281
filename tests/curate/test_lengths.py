from megactor.curate.clip import cut_to_length


def test_long_shots_are_cut_into_equal_parts_and_short_ones_left_out():
    assert cut_to_length([(0, 10), (10, 60), (60, 265)], least=20, most=100) == [
        (10, 60),
        (60, 128),
        (128, 197),
        (197, 265),
    ]
