"""What is typed at the prompt: words, actions, blocks of ``Name: value`` lines, backslash commands."""
