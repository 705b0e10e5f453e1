"""What reads the past of a piano model and sums it up for the next frame.

base               `FrameReader`, and the plain LSTM
capsules           one small LSTM for each of the lags
endecell           EnDeCell: a network within the network that reads a keyboard key by key
history_predictor  HistoryUser with a linear layer behind it
history_user       HistoryUser: which of the past frames to read again
latency_lstm       LSTMs whose state returns after more than one frame
levels             LSTMs that run at their own pace, level l every 2^l frames
"""
