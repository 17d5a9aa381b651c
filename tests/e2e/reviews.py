#!/usr/bin/env python3
"""Prints a job file of so many requests: is a review kind? The same number gives the same file.

    reviews.py REQUESTS
"""

import json
import random
import sys

THINGS = ["kettle", "rucksack", "desk lamp", "raincoat", "headphones", "teapot", "café chair", "日本茶"]
MOODS = ["I love this", "It broke after", "Not bad, but this", "My children want another", "Never again such a"]
TOOL = {"name": "rate", "description": "Stores a rating",
        "input_schema": {"type": "object", "properties": {"stars": {"type": "integer"}}, "required": ["stars"]}}


def main():
    dice = random.Random(7)
    print(json.dumps({"offpeak": {"name": "reviews", "defaults": {"max_tokens": 200}}}))
    for number in range(int(sys.argv[1])):
        review = f"{dice.choice(MOODS)} {dice.choice(THINGS)}, number {number}. " + "Really! " * dice.randrange(30)
        params = {"model": dice.choice(["claude-haiku-5-5", "claude-haiku-5-5", "claude-sonnet-5-5"]),
                  "messages": [{"role": "user", "content": f"Is this review kind? Answer yes or no.\n\n{review}"}]}
        if dice.random() < 0.2:
            params["system"] = "You read reviews for a shop."
        if dice.random() < 0.1:
            params["tools"] = [TOOL]
        print(json.dumps({"custom_id": f"review-{number}", "params": params}, ensure_ascii=False))


if __name__ == "__main__":
    main()
