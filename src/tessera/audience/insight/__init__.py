"""What a marketer looks at: funnels, retention, trends, a grid of buyers and the life of people, over the warehouse."""
