"""Run by a Python that has lerobot: open each split as a LeRobotDataset and look at a frame."""

import json
import sys
from pathlib import Path

from lerobot.datasets.lerobot_dataset import LeRobotDataset

folder, expected = Path(sys.argv[1]), json.loads(sys.argv[2])
for split, clips in expected.items():
    data = LeRobotDataset(f"invented/{split}", root=folder / split)
    assert data.num_episodes == clips, (data.num_episodes, clips)
    for index in (0, len(data) - 1):
        frame = data[index]
        image = frame["observation.images.endoscope"]
        assert image.shape[0] == 3 and 0 <= float(image.min()) <= float(image.max()) <= 1
        assert isinstance(frame["task"], str) and frame["task"]
    print(split, data.num_episodes, len(data))
